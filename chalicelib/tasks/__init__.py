"""Long work in steps that survive the death of any worker."""
