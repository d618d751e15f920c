"""Projected gradient ascent with restarts."""
