"""Captures of network traffic, read without a library: from a file to the two byte streams of each TCP connection.

What is needed of the formats is a screen each and does not change; the libraries that read them bring either far more
or nobody who keeps them. A capture may begin anywhere, lack packets and have them twice and out of order: what is
missing is said, and nothing is judged that could have to do with it.

- `files`: pcap and pcapng to frames with their times.
- `packets`: a frame to a TCP segment, through the link types and IP versions that are met.
- `streams`: segments to what happens on connections, in order.
"""
