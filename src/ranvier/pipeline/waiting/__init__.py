"""Waits in front of a target: places that calls hold, and whether to wait for one."""
