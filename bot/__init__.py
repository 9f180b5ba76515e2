"""The front door: settings, wiring, update intake, health and the command line."""
