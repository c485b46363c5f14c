{{ galaxies('v3') }}
