"""Computations of accounts: evaluated in runs, by a timetable or when somebody asks."""
