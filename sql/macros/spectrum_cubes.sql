{#- Spectra with a position on the sky, in each cube of 10 arcsec that the circle of match_radius around them touches:
    usually one, and a neighbour if it is near a face.  Unit vectors make this correct at the poles and at RA 0. -#}
{%- macro spectrum_cubes() -%}
{%- set axes = ['x', 'y', 'z'] -%}
{#- The radius plus 2 %, in radians. -#}
{%- set side = '%.2e' | format(1.02 * (match_radius() | float) / 206264.806) -%}
select
    vectors.spectrum,
    vectors.specz_ra,
    vectors.specz_dec,
    {% set at = [] -%}
    {%- for axis in axes -%}
    {%- do at.append('case of_' ~ axis ~ '.step when 0 then vectors.low_' ~ axis ~ ' else vectors.high_' ~ axis ~ ' end') -%}
    {%- endfor -%}
    {{ cube_key(at[0], at[1], at[2]) }} as cube
from (
    select
        spectrum,
        specz_ra,
        specz_dec,
        {%- for axis in axes %}
        {{ cube(unit_vector(axis, 'specz_ra', 'specz_dec') ~ ' - ' ~ side) }} as low_{{ axis }},
        {{ cube(unit_vector(axis, 'specz_ra', 'specz_dec') ~ ' + ' ~ side) }} as high_{{ axis }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_spectra') }}
    where specz_ra is not null and specz_dec is not null
) as vectors
{%- for axis in axes %}
inner join (select 0 as step union all select 1 as step) as of_{{ axis }}
    on of_{{ axis }}.step = 0 or vectors.low_{{ axis }} <> vectors.high_{{ axis }}
{%- endfor %}
{%- endmacro -%}
