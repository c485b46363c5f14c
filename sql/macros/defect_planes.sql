{#- Planes of the mask whose pixels do not show the sky as it was: no good detector pixel, no data, or another source's
    light.  DETECTED, DETECTED_NEGATIVE and NOT_DEBLENDED are of sources; CLIPPED, REJECTED, SENSOR_EDGE and INEXACT_PSF
    say that the coadd's exposures differ, which half of all pixels may have. -#}
{%- macro defect_planes() -%}
{{ return(['bad', 'sat', 'intrp', 'cr', 'edge', 'suspect', 'no_data', 'bright_object', 'crosstalk', 'unmaskednan']) }}
{%- endmacro -%}
