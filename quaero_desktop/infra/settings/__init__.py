"""Configuration: one typed TOML file, with overrides from the environment (O5).

``sections`` holds the settings with their types and bounds, ``info`` what is to be known about each of them;
``loading`` reads the file and the environment, and raises for nothing that a person wrote; ``saving`` changes the file
without spoiling it.
"""
