{{ galaxies(1) }}
