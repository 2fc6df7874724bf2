"""History: landed events and snapshots of profiles, kept as files and read with SQL."""
