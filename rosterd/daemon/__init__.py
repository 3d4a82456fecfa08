"""What runs by itself while `rosterd serve` does: directories that are woken by what they were told, or are due."""
