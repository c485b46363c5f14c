{{ galaxies(2) }}
