"""Pure values and rules. No I/O, no clock, no event loop: everything here is a function of its arguments.

One noun a module, in one folder, since most of them are used all over. Where to look:

- jobs: ``jobs`` (states), ``queue`` and ``outcomes`` (what a worker gets and hands back), ``ports`` (the seam between
  the engine and storage), ``listing`` and ``pagelist`` (lists of them), ``progress``, ``throughput`` and ``eta``,
  ``deletion`` and ``cleanup``, ``events`` (what front ends are told)
- a crawl: ``crawl`` (its configuration, and what becomes of a link), ``scope``, ``rules``, ``rulechange``
- addresses: ``urls`` (one spelling for each page), ``identity`` (when two are one page), ``filenames``
- pages and documents: ``pages`` (on their way), ``documents`` (in the library), ``summaries``, ``searchquery``,
  ``cjk``, ``exporting``
- sources and signing in: ``sources``, ``credentials``, ``secrets``, ``pasting`` with ``curl`` and ``cookiejar``,
  ``signin`` (what a login looks like)
- definitions: ``definitions``, ``stepoptions``, ``schedule``, ``runplan`` (one resolved), ``definitionfile`` (as TOML)
- the old Quaero: ``importing`` (what people are told), ``legacy`` (what its rows mean)
- words for people: ``words``, ``setupwords``, ``advice``, ``errors``, ``fields`` (what is wrong with one), ``text``
"""
