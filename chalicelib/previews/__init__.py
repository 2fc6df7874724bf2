"""What an audience would be, before there is one."""
