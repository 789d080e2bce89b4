"""Jobs made up for tests of what shows them."""

from typing import Any

from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Job

NOW = 1_700_000_000_000
SITE = "https://docs.quaero.org"


def root(job_id: int, status: str = "running", **fields: Any) -> Job:
    """Return a crawl; ``children`` says how many pages are in which status: ``{"completed": 3}``."""
    children: dict[str, int] = fields.pop("children", {})
    seeds = fields.pop("seeds", [f"{SITE}/"])
    pages = sum(children.values())
    return job(
        job_id,
        status,
        parent_id=None,
        root_id=job_id,
        type=fields.pop("type", "crawl"),
        url=None,
        name=fields.pop("name", f"crawl {job_id}"),
        children=children,
        child_count=pages,
        pages=pages,
        progress_current=sum(n for status, n in children.items() if status in TERMINAL_STATUSES),
        progress_total=pages or 1,
        completed_children=children.get("completed", 0),
        failed_children=children.get("failed", 0),
        payload={"seeds": seeds},
        **fields,
    )


def page(job_id: int, parent_id: int, status: str = "pending", **fields: Any) -> Job:
    """Return a page of a crawl."""
    url = fields.pop("url", f"{SITE}/page/{job_id}")
    return job(job_id, status, parent_id=parent_id, root_id=parent_id, url=url, name=url, **fields)


def job(job_id: int, status: str, **fields: Any) -> Job:
    """Return a job; everything that is not given is the least there can be."""
    ended = status in TERMINAL_STATUSES
    values: dict[str, Any] = {
        "id": job_id, "type": "crawler_url", "phase": "core", "status": status, "progress_current": int(ended),
        "progress_total": 1, "child_count": 0, "completed_children": 0, "failed_children": 0, "children": {},
        "pages": 0, "warnings": 0, "created_at": NOW + job_id, "started_at": NOW if status != "pending" else None,
        "completed_at": NOW + 10_000 if ended else None, "error": None, "cause": None, "payload": {}, "result": None,
        "definition_id": None, "source_id": None, "rerun_of": None, "triggered_by": None, "attempt": 1, "depth": 0,
        "revision": 1,
    }  # fmt: skip
    return Job(**values | fields)
