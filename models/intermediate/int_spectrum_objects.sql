-- Objects of the landed exports within the radius of a spectrum: one row per object and spectrum.
with cubes as (
    {{ spectrum_cubes() }}
),

objects as (
    select object_id, ra, dec, {{ each_band('{band}_cmodel_mag') }} from {{ ref('stg_hsc__objects') }}
    union all
    select object_id, ra, dec, {{ each_band('{band}_cmodel_mag') }} from {{ ref('stg_hsc__joined') }}
),

object_cubes as (
    select *, {{ position_cube('ra', 'dec') }} as cube
    from objects
    where ra is not null and dec is not null
),

met as (
    select
        object_cubes.object_id,
        cubes.spectrum,
        {{ separation_arcsec('object_cubes.ra', 'object_cubes.dec', 'cubes.specz_ra', 'cubes.specz_dec') }}
            as match_distance_arcsec,
        {{ each_band('object_cubes.{band}_cmodel_mag') }}
    from object_cubes
    inner join cubes on object_cubes.cube = cubes.cube
)

-- A joined export has an object once per spectrum.
select object_id, spectrum, min(match_distance_arcsec) as match_distance_arcsec,
    {%- for band in bands() %}
    min({{ band }}_cmodel_mag) as {{ band }}_cmodel_mag{{ ',' if not loop.last }}
    {%- endfor %}
from met
where match_distance_arcsec <= {{ match_radius() }}
group by object_id, spectrum
