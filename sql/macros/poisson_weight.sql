{#- How often a row is drawn in a bootstrap replicate: a Poisson number of mean 1, from the md5 of a text.
    The bounds are the cumulative probabilities of 0 to 6 as twelve hexadecimal digits; the rest is 7. -#}
{%- macro poisson_weight(hash) -%}
case
        when {{ hash }} < '5e2d58d8b3bc' then 0
        when {{ hash }} < 'bc5ab1b16779' then 1
        when {{ hash }} < 'eb715e1dc158' then 2
        when {{ hash }} < 'fb23979734a2' then 3
        when {{ hash }} < 'ff1025f59174' then 4
        when {{ hash }} < 'ffd90f3ba405' then 5
        when {{ hash }} < 'fffa8b71fc72' then 6
        else 7
    end
{%- endmacro -%}
