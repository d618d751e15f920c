"""Images and labels: one file per source."""
