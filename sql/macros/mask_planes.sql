{#- Planes of the masks of HSC's coadds, by bit from 0. -#}
{%- macro mask_planes() -%}
{{ return([
    'bad', 'sat', 'intrp', 'cr', 'edge', 'detected', 'detected_negative', 'suspect', 'no_data', 'bright_object',
    'crosstalk', 'not_deblended', 'unmaskednan', 'rejected', 'clipped', 'sensor_edge', 'inexact_psf']) }}
{%- endmacro -%}
