"""The command line: one module a tool, called by its own name or as `dulcet TOOL` (`cli`).

Options are data (`options`), spelled and defaulted as DCMTK's where those are sane; every tool leaves with
the same exit codes (`exit_codes`) and says with `--json` in records what it says in text.

Imports everything below it; nothing imports this.
"""
