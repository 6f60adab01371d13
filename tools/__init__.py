"""The command line: one module a tool, and what all tools stand on."""
