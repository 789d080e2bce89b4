"""What the tests of the whole headless product share."""

from tests.support.product import parser_here as parser_here
from tests.support.product import services as services
from tests.support.recording_server import server as server
