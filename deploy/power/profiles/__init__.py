"""Technology profiles, as TOML files."""
