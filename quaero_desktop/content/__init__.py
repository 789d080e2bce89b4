"""From bytes to a page of the library: charset, links, main content, markdown, metadata. The only user of lxml."""
