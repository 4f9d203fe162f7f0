"""Bookend 1.0: a message protocol for byte streams.

Layers, each importing only from those before it:
frame and text, message and hello, session, connection (blocking) and aio (asyncio).
"""
