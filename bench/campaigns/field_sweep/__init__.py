"""Campaign ``field-sweep``: the radios of a rack over attenuation, beside theory and twins (B2, U1, U9)."""
