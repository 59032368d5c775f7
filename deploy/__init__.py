"""Bitstreams, estimates and reports."""
