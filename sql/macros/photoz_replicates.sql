{#- Numbers of bootstrap replicates; 0 is the sample itself.  The materialization `chunked` makes a few at a time. -#}
{%- macro photoz_replicates() -%}
replicate between 0 and 200
{%- endmacro -%}
