{{ located_pictures('cutouts') }}
