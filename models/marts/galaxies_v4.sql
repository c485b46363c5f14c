{{ galaxies(4) }}
