"""Query and retrieve (PS3.4 Annexes C, K, U): C-FIND, C-MOVE and C-GET, both roles.

`models` says which SOP class does what at which levels. For who asks: `calls` and `user` are the methods of an
association and of an SCU, `matches` what a C-FIND gives, `retrieve_scu` and `receiving` a C-MOVE and a C-GET, `asking`
and `getting` a C-GET of what is not known, `builder` the walk from a patient to images, `walked` what it finds. For who
answers: `query` and `retrieve`, with `sub_operations` and `sub_associations` for what a retrieve sends.
"""
