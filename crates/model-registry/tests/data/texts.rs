[
    ("sources.toml", include_str!("sources.toml")),
    ("fox-1.toml", include_str!("fox-1.toml")),
    ("fox-video.toml", include_str!("fox-video.toml")),
]
