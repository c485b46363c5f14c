{{ galaxies(3) }}
