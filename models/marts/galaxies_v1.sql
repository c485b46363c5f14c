{{ galaxies('v1') }}
