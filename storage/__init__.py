"""How things are kept: tables' access, queues of rows, files, and the embedded database server."""
