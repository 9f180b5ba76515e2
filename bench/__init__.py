"""Measures the bot beside what it is made of; `./run bench` prints the table, docs/performance.md explains it."""
