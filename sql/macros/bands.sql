{#- The release's filters, in order. -#}
{%- macro bands() -%}
{{ return(var('bands')) }}
{%- endmacro -%}
