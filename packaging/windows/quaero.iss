; The installer for Windows, made by Inno Setup 6: `packaging/dev.py bundle --package` compiles it on Windows.
; For one person by default, so that nobody has to be an administrator; libraries are never touched, not even when it is
; removed.

#define Name "Quaero Desktop"
#define Publisher "Quaero Desktop contributors"

[Setup]
AppId={{7B0E7D0A-5C1B-4E0B-9C61-9E2B1B3C7A55}
AppName={#Name}
AppVersion={#Version}
AppVerName={#Name} {#Version}
AppPublisher={#Publisher}
DefaultDirName={autopf}\{#Name}
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
LicenseFile={#Source}\_internal\LICENSE
OutputBaseFilename=QuaeroDesktop-{#Version}-setup
SetupIconFile={#Made}\quaero.ico
UninstallDisplayIcon={app}\quaero-desktop.exe
UninstallDisplayName={#Name}
Compression=lzma2/max
SolidCompression=yes
WizardStyle=modern
ChangesEnvironment=yes
CloseApplications=yes

[Languages]
Name: "english"; MessagesFile: "compiler:Default.isl"

[Tasks]
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; GroupDescription: "{cm:AdditionalIcons}"; Flags: unchecked
Name: "path"; Description: "Add the command line, quaero, to the PATH"; GroupDescription: "Command line:"; Flags: unchecked

[Files]
Source: "{#Source}\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[InstallDelete]
; What an older version brought and this one does not.
Type: filesandordirs; Name: "{app}\_internal"

[Icons]
Name: "{autoprograms}\{#Name}"; Filename: "{app}\quaero-desktop.exe"; AppUserModelID: "org.quaero.QuaeroDesktop"
Name: "{autodesktop}\{#Name}"; Filename: "{app}\quaero-desktop.exe"; Tasks: desktopicon; AppUserModelID: "org.quaero.QuaeroDesktop"

[Registry]
Root: HKA; Subkey: "Environment"; ValueType: expandsz; ValueName: "Path"; ValueData: "{olddata};{app}"; Tasks: path; Check: IsNotOnPath(ExpandConstant('{app}'))

[Run]
Filename: "{app}\quaero-desktop.exe"; Description: "{cm:LaunchProgram,{#Name}}"; Flags: nowait postinstall skipifsilent

[Code]
function IsNotOnPath(Folder: string): Boolean;
var
  Path: string;
begin
  if not RegQueryStringValue(HKA, 'Environment', 'Path', Path) then
    Path := '';
  Result := Pos(';' + Uppercase(Folder) + ';', ';' + Uppercase(Path) + ';') = 0;
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Path: string;
  Folder: string;
begin
  if Step <> usPostUninstall then
    exit;
  Folder := ';' + ExpandConstant('{app}');
  if RegQueryStringValue(HKA, 'Environment', 'Path', Path) and (Pos(Folder, Path) > 0) then
  begin
    StringChangeEx(Path, Folder, '', True);
    RegWriteExpandStringValue(HKA, 'Environment', 'Path', Path);
  end;
end;
