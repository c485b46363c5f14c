{#- A path as text in SQL, taken literally where DuckDB would read a pattern; `pattern` is added after it. -#}
{%- macro literal_path(path, pattern='') -%}
{%- if '\\' in path -%}
    {{ exceptions.raise_compiler_error('DuckDB takes the backslash in ' ~ path ~ ' for a slash: name the catalogue by a link.') }}
{%- endif -%}
{%- set literal = path | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') -%}
{{ text_literal(literal ~ pattern) }}
{%- endmacro -%}
