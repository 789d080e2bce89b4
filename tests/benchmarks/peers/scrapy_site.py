"""What Scrapy makes of one site: title and text of each HTML page as JSON lines, following every link of the host.

python tests/benchmarks/peers/scrapy_site.py URL OUT.jl [--concurrency 16]

It obeys robots.txt, never waits between requests, asks for no URL twice and prints its own figures as one JSON value.
"""

import argparse
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import HtmlResponse, Response
from scrapy.linkextractors import LinkExtractor


class SiteSpider(scrapy.Spider):
    """Follows all links of one host."""

    name = "site"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(**options)
        self.start_urls = [url]
        site = urlsplit(url)
        # Not allow_domains, which compares the port too.
        self._links = LinkExtractor(allow=f"^{re.escape(f'{site.scheme}://{site.netloc}')}/")

    def parse(self, response: Response) -> Iterator[Any]:
        """Yield the page's item and a request for each of its links."""
        if not isinstance(response, HtmlResponse):
            return
        yield {
            "url": response.url,
            "title": response.xpath("//title/text()").get(),
            "text": " ".join(response.xpath("//body//text()").getall()),
        }
        for link in self._links.extract_links(response):
            yield scrapy.Request(link.url)


def main() -> None:
    """Crawl, then print what Scrapy counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("out")
    parser.add_argument("--concurrency", type=int, default=16)
    options = parser.parse_args()
    process = CrawlerProcess(
        {
            "ROBOTSTXT_OBEY": True,
            "CONCURRENT_REQUESTS": options.concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": options.concurrency,
            "DOWNLOAD_DELAY": 0,
            "AUTOTHROTTLE_ENABLED": False,
            "DEPTH_LIMIT": 0,
            "FEEDS": {options.out: {"format": "jsonlines", "encoding": "utf-8"}},
            # What costs Scrapy time and is of no use here is off: it is to be as fast as it can.
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR",
        }
    )
    crawler = process.create_crawler(SiteSpider)
    process.crawl(crawler, url=options.url)
    process.start()
    assert crawler.stats is not None
    stats = crawler.stats.get_stats()
    print(
        json.dumps(
            {
                "version": scrapy.__version__,
                "reason": stats.get("finish_reason"),
                "seconds": stats.get("elapsed_time_seconds"),
                "items": stats.get("item_scraped_count"),
                "requests": stats.get("downloader/request_count"),
            }
        )
    )


if __name__ == "__main__":
    main()
