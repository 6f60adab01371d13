"""The rows of the option table about who may connect to a server: storescp P, dcmrecv R, qrscp Q."""

from . import values
from .row import Option

ACCESS = (
    Option("O PQ", "--check-called-aetitle", "reject associations that call another title than -aet"),
    Option(
        "O PRQ",
        "--allow-calling-aetitle TITLE",
        "reject all calling titles but this; may be repeated",
        values.ae_title,
        repeat=True,
    ),
    Option(
        "O PRQ",
        "--allow-address NETWORK",
        "close connections from anywhere but this network, as 10.0.0.0/8, or address; may be repeated",
        values.network,
        repeat=True,
    ),
    Option(
        "O PRQ",
        "--proxy-network NETWORK",
        "connections from this network come through a proxy, which must say for whom (PROXY protocol, version 1 or 2); "
        "may be repeated",
        values.network,
        repeat=True,
    ),
)
