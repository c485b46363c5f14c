{#- Morphology under the names of the release, without the filter: name and type. -#}
{%- macro released_morphology() -%}
{%- set made = [] -%}
{%- for name in [
    'ellipticity', 'half_light_radius', 'isophotal_area', 'major_axis', 'minor_axis', 'peak_surface_brightness',
    'petro_rad', 'pos_angle', 'sersic_index'] -%}
    {%- do made.append([name, 'double']) -%}
{%- endfor -%}
{%- for name in ['central_image_pop_5px_rad', 'central_image_pop_10px_rad', 'central_image_pop_15px_rad', 'total_galaxies'] -%}
    {%- do made.append([name, 'bigint']) -%}
{%- endfor -%}
{{ return(made) }}
{%- endmacro -%}
