"""Everything that talks to the web: the only user of httpx, aiohttp, protego and truststore."""
