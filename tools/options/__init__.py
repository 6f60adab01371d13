"""The options of the tools as data, and what is made of them.

`table` has a row (`row`) an option: DCMTK's spelling, our words, what a value may be (`values`), who has it.
`tool_texts` has what the help of a tool says besides. `command_line` makes a parser of both and turns words into
a Namespace; `help_page` makes what `--help` prints. `not_offered` has what DCMTK offers and we do not.
"""
