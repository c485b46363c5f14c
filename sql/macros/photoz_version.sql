{#- The version of galaxies whose redshifts judge predictions. -#}
{%- macro photoz_version() -%}
{{ return(var('photoz_version')) }}
{%- endmacro -%}
