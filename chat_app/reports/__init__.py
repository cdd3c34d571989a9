"""How a report is drafted, section by section, and edited."""
