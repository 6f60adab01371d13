"""An archive that can be queried, over a directory of files and an index of them (the extra `dulcet[archive]`).

`archive.Archive` gives an SCP its services; `index` keeps what is stored, by the tables of `schema` and the rules of
`rows`; `search`, `matching` and `answers` take a query from its identifier to those that answer it (PS3.4 C.4).
"""
