-- Kept objects within 1 arcsec of the positions of landed or requested pictures.
{% set axes = ['x', 'y', 'z'] -%}
with objects as (
    select * from {{ ref('int_kept_objects') }}
),

places as (
    select at_ra, at_dec from {{ ref('int_located_cutouts') }} where at_ra is not null
    union
    select at_ra, at_dec from {{ ref('int_located_psf') }} where at_ra is not null
),

vectors as (
    select at_ra, at_dec,
        {%- for axis in axes %}
        {{ unit_vector(axis, 'at_ra', 'at_dec') }} as {{ axis }}{{ ',' if not loop.last }}
        {%- endfor %}
    from places
),

sides as (
    -- A little more than 1 arcsec, in radians: a position near a face of its cube is also in the next cube.
    select cast(-4.9e-6 as double) as side union all select cast(4.9e-6 as double) as side
),

place_cubes as (
    select distinct vectors.at_ra, vectors.at_dec,
        {%- for axis in axes %}
        {{ cube('vectors.' ~ axis ~ ' + of_' ~ axis ~ '.side') }} as cube_{{ axis }}{{ ',' if not loop.last }}
        {%- endfor %}
    from vectors
    {%- for axis in axes %}
    cross join sides as of_{{ axis }}
    {%- endfor %}
),

object_cubes as (
    select object_id, ra, dec,
        {%- for axis in axes %}
        {{ cube(unit_vector(axis, 'ra', 'dec')) }} as cube_{{ axis }}{{ ',' if not loop.last }}
        {%- endfor %}
    from objects
),

met as (
    select
        object_cubes.object_id,
        place_cubes.at_ra,
        place_cubes.at_dec,
        {{ separation_arcsec('object_cubes.ra', 'object_cubes.dec', 'place_cubes.at_ra', 'place_cubes.at_dec') }} as separation
    from object_cubes
    inner join place_cubes
        on object_cubes.cube_x = place_cubes.cube_x
        and object_cubes.cube_y = place_cubes.cube_y
        and object_cubes.cube_z = place_cubes.cube_z
)

select * from met where separation <= 1
