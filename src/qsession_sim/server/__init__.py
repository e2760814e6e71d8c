"""The REST interface over HTTP on 127.0.0.1: clocks, the application, and the programs that it serves."""
