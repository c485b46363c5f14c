{#- Landed columns outside the dictionary that users' cuts read, of one side of a pair. -#}
{%- macro own_columns(side) -%}
{{ return(var('rules').get('columns', []) | selectattr('of', 'equalto', side) | list) }}
{%- endmacro -%}
