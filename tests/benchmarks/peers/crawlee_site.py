"""What Crawlee makes of one site: title and text of each HTML page as JSON, following every link of the host.

python tests/benchmarks/peers/crawlee_site.py URL OUT.json [--concurrency 16]

It obeys robots.txt, never waits between requests, asks for no URL twice and prints its own figures as one JSON value.
"""

import argparse
import asyncio
import json
import logging
from importlib import metadata

from crawlee import ConcurrencySettings
from crawlee.crawlers import ParselCrawler, ParselCrawlingContext
from crawlee.http_clients import HttpxHttpClient
from crawlee.storage_clients import MemoryStorageClient


async def crawl(url: str, out: str, concurrency: int) -> dict[str, object]:
    """Crawl the site at *url* into the file *out* and return what Crawlee counted."""
    # What costs Crawlee time and is of no use here is off: nothing is stored on disk before the end, and the number of
    # requests under way is what was asked for from the start, however busy the processor is.
    crawler = ParselCrawler(
        http_client=HttpxHttpClient(),
        respect_robots_txt_file=True,
        concurrency_settings=ConcurrencySettings(
            min_concurrency=concurrency, max_concurrency=concurrency, desired_concurrency=concurrency
        ),
        storage_client=MemoryStorageClient(),
        configure_logging=False,
    )

    @crawler.router.default_handler
    async def page(context: ParselCrawlingContext) -> None:
        """Keep the page's item and ask for each of its links."""
        await context.push_data(
            {
                "url": context.request.loaded_url or context.request.url,
                "title": context.selector.xpath("//title/text()").get(),
                "text": " ".join(context.selector.xpath("//body//text()").getall()),
            }
        )
        await context.enqueue_links(strategy="same-origin")

    statistics = await crawler.run([url])
    await crawler.export_data(out)
    return {
        "version": metadata.version("crawlee"),
        "seconds": statistics.crawler_runtime.total_seconds(),
        "items": statistics.requests_finished,
        "requests": statistics.requests_total,
    }


def main() -> None:
    """Crawl, then print what Crawlee counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("out")
    parser.add_argument("--concurrency", type=int, default=16)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    print(json.dumps(asyncio.run(crawl(options.url, options.out, options.concurrency))))


if __name__ == "__main__":
    main()
