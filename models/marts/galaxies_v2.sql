{{ galaxies('v2') }}
