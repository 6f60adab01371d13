"""Storage (PS3.4 Annex B): C-STORE, both roles, without decoding what is sent or received.

`storage` is the service. What is sent: `outgoing` finds and looks at files, `proposing` says which presentation
contexts they need, `pipeline` keeps several on the way, `transcode`, `decompression` and `inventing` change them.
What is received: `incoming` takes an object as it comes, `publishing` makes it a file that is there whole or not at
all, `naming`, `sorting` and `filing` say which, `stored_files` whether it is there still.
"""
