{{ galaxies('v4') }}
