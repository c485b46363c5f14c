{#- The split of a hash: its fraction of the whole range, compared with the cumulative shares. -#}
{%- macro split_of(scheme, hash) -%}
{%- set shares = split_schemes()[scheme] -%}
case
    {%- for split, part, whole in shares[:-1] %}
    {%- set limit = (16 ** 32 * (shares[:loop.index] | sum(attribute=1)) + whole - 1) // whole %}
        when {{ hash }} < '{{ '%032x' | format(limit) }}' then '{{ split }}'
    {%- endfor %}
        when {{ hash }} is not null then '{{ shares[-1][0] }}'
    end
{%- endmacro -%}
